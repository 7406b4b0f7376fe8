# One image for every role: coordinator, worker, certs. It holds the binary and the libraries of libtorch, nothing else of ours.
#
#   docker build -t fedlayer .                       builds inside; needs BuildKit (the default since Docker 23) and a network
#   cargo xtask image && docker build --target host -t fedlayer .      takes the build of this machine; any builder

FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends libstdc++6 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["fedlayer"]

# The build of this machine, put together by `cargo xtask image`. It stands before the stage that builds, because
# a builder without BuildKit makes every stage up to its target.
FROM base AS host
COPY target/image/ /usr/local/
USER 10001:10001

FROM rust:1.91-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo xtask image

FROM base AS image
COPY --from=build /src/target/image/ /usr/local/
USER 10001:10001
