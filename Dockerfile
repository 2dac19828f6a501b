# The worker. A base is an image with Node 24, npm and a shell.
ARG BASE_IMAGE=node:24-alpine

# Every package.json, for the lockfile is about them all. A stage of its own: a changed source installs nothing anew.
FROM ${BASE_IMAGE} AS manifests
WORKDIR /sluice
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages packages
COPY scripts/without-root-tools.mjs /tmp/
RUN find packages -type f ! -name package.json -exec rm {} + && node /tmp/without-root-tools.mjs

FROM ${BASE_IMAGE} AS build
# Where the network has an npm registry of its own.
ARG NPM_REGISTRY=
# pm-on-fail: the pinned pnpm is installed below; it need not look for itself in the lockfile.
# network-concurrency: with many connections at once, some proxies leave one hanging until it times out, a minute.
ENV CI=true pnpm_config_pm_on_fail=ignore pnpm_config_network_concurrency=8
WORKDIR /sluice
COPY --from=manifests /sluice ./
RUN if [ -n "$NPM_REGISTRY" ]; then npm config set registry "$NPM_REGISTRY"; fi \
 && npm install --global --no-fund --no-update-notifier --allow-scripts=pnpm "$(node -p 'require("./package.json").packageManager')" \
 && pnpm install --frozen-lockfile --filter @sluice/worker-image...
COPY tsconfig.base.json ./
COPY packages/shared packages/shared
COPY packages/redis packages/redis
COPY packages/body-store packages/body-store
COPY packages/worker packages/worker
# worker-image: the worker, and what is optional elsewhere (the AWS client).
RUN pnpm --filter @sluice/worker-image... run build \
 && pnpm --filter @sluice/worker-image deploy --prod /app

FROM ${BASE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app ./
# A number, so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SLUICE_HEALTH_PORT || 8080}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1: it gets SIGTERM itself, and drains.
ENTRYPOINT ["node", "--enable-source-maps", "node_modules/@sluice/worker/dist/main.js"]
