const warned = new Set<string>();

/**
 * A warning of the process (`process.on('warning')`), once for each `about`, however many clients the process opens.
 * @param about default: the message itself
 */
export function warnOnce(code: string, message: string, about = message): void {
  const key = `${code} ${about}`;
  if (warned.has(key)) return;
  warned.add(key);
  process.emitWarning(message, { type: 'SluiceWarning', code });
}

/** Whether it was given. */
export function wasWarned(code: string, about: string): boolean {
  return warned.has(`${code} ${about}`);
}
