# Counting checks. Sourced.

passed=0
failed=0
skipped=0
failures=()

heading() { printf '\n=== %s\n' "$*"; }

note_failure() {
  failed=$((failed + 1))
  failures+=("$1")
}

# check NAME COMMAND...: runs it, without standard input, and counts it as one check.
check() {
  local name=$1 began=$SECONDS
  shift
  heading "$name"
  if "$@" < /dev/null; then
    passed=$((passed + 1))
    echo "--- $name: passed ($((SECONDS - began)) s)"
  else
    note_failure "$name"
    echo "--- $name: FAILED ($((SECONDS - began)) s)"
  fi
}

# skip NAME REASON
skip() {
  heading "$1"
  skipped=$((skipped + 1))
  echo "!!! SKIPPED: $2"
}

# check_tests NAME COMMAND...: runs Vitest by way of COMMAND and counts every test of its report.
check_tests() {
  local name=$1 report began=$SECONDS status
  shift
  report=$(mktemp)
  heading "$name"
  SLUICE_TEST_REPORT=$report "$@" < /dev/null
  status=$?
  local counts
  if counts=$(node -e '
    const { numPassedTests: p, numFailedTests: f, numPendingTests: s, numTodoTests: t } =
      JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    console.log(p, f, s + t);' "$report" 2> /dev/null); then
    read -r p f s <<< "$counts"
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
    [ "$f" -eq 0 ] || failures+=("$name: $f tests")
    # A file that does not load, an error outside of any test or a process left behind fails the run all the same.
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then note_failure "$name"; fi
    if [ "$p" -eq 0 ] && [ "$f" -eq 0 ]; then note_failure "$name: there was no test"; fi
  else
    note_failure "$name wrote no report"
  fi
  rm -f "$report"
  echo "--- $name: exit code $status ($((SECONDS - began)) s)"
}

# Prints the closing line; its status is the run's.
sum_up() {
  heading 'result'
  local failure
  for failure in "${failures[@]}"; do echo "FAILED: $failure"; done
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}
