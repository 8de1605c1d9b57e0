# syntax=docker/dockerfile:1
# Scribe with everything that it needs, the default models among it: nothing is downloaded at run time.
#
#   docker build --tag scribe .                      with the CUDA libraries that torch brings
#   docker build --tag scribe --build-arg TORCH=cpu . a third of the size, for machines without a GPU
#
# How it is run, backed up and upgraded: deploy/README.md.

# Pin it by its digest where images must be reproducible: --build-arg BASE=debian@sha256:…
ARG BASE=debian:bookworm-slim

# torch is most of what is installed and changes least: in a file of its own it stays in the build's cache.
FROM ${BASE} AS locks
WORKDIR /locks
COPY requirements-runtime.lock ./
RUN awk '/^[a-z]/ { cuda = /^(torch|torchaudio|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==/ && !/^nvidia-ml-py==/ } \
         { print > (cuda ? "torch.lock" : "rest.lock") }' requirements-runtime.lock


FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Versions are the release's own: Debian keeps only the newest of each.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ARG UV=0.13.9
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV}"
ENV PATH=/opt/uv/bin:$PATH \
    UV_CACHE_DIR=/var/cache/uv \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_PROGRESS=1 \
    UV_SYSTEM_CERTS=1 \
    UV_PYTHON_DOWNLOADS=never \
    VIRTUAL_ENV=/opt/scribe
WORKDIR /build
RUN uv venv --python /usr/bin/python3 "${VIRTUAL_ENV}"

# `cuda` is torch from the package index, pinned by hash. `cpu` is the same version from TORCH_INDEX, which keeps no
# hashes in our lock: it is trusted as it is. TORCH_CPU names other versions, for an index without these.
ARG TORCH=cuda
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_CPU=
COPY --from=locks /locks/torch.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    case "${TORCH}" in \
      cuda) uv pip install --no-deps --require-hashes --requirement torch.lock ;; \
      cpu) grep --only-matching --extended-regexp '^(torch|torchaudio)==[^ ;]+' torch.lock > cpu.txt; \
           if [ -n "${TORCH_CPU}" ]; then echo "${TORCH_CPU}" | tr ' ' '\n' > cpu.txt; fi; \
           uv pip install --no-deps --default-index "${TORCH_INDEX}" --requirement cpu.txt ;; \
      *) echo "TORCH must be cuda or cpu, not ${TORCH}" >&2; exit 1 ;; \
    esac
COPY --from=locks /locks/rest.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --no-deps --require-hashes --requirement rest.lock

# The wheel is built with the tools of the lock, by hash as well.
COPY . .
RUN --mount=type=cache,target=/var/cache/uv \
    uv build --quiet --wheel --build-constraints requirements.lock --require-hashes --out-dir dist . \
 && uv pip install --no-deps dist/*.whl


FROM ${BASE}
LABEL org.opencontainers.image.title="Scribe" \
      org.opencontainers.image.description="Recordings in, transcripts with names out" \
      org.opencontainers.image.licenses="MIT"
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin scribe \
 && install --directory --owner scribe --group scribe --mode 0700 /data
COPY --from=build /opt/scribe /opt/scribe
# The UI listens on all addresses of the container, and is reached from outside only where its port is published.
ENV PATH=/opt/scribe/bin:$PATH \
    HOME=/data \
    SCRIBE_HOME=/data \
    SCRIBE_HOST=0.0.0.0 \
    HF_HOME=/data/cache/huggingface \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3000 9464
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 \
  CMD ["python3", "-c", "import json, os, urllib.request as web; from pathlib import Path; \
stack = json.loads(Path(os.environ['SCRIBE_HOME'], 'stack.lock').read_text()); \
web.urlopen(stack['ui_url'] + '/server_info', timeout=5)"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["scribe", "up"]
