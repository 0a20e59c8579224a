# The reference web tier and its front end in one image; the command says which of them runs.
#
#   docker build -f deploy/docker/web.Dockerfile -t talking-tutor-web .
#   docker run --read-only --tmpfs /tmp talking-tutor-web                        the web tier, port 8000
#   docker run --read-only talking-tutor-web python web/frontend/serve.py …      the front end
ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS packages
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/web
ENV PATH=/opt/web/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/lock-web-image.txt /build/
RUN pip install --require-hashes -r /build/lock-web-image.txt

# hadolint ignore=DL3006
FROM ${BASE} AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 web \
    && useradd --uid 10001 --gid web --no-create-home --home-dir /tmp --shell /usr/sbin/nologin web
COPY --from=packages /opt/web /opt/web
COPY web /srv/web
COPY engine/web /srv/engine/web
ENV PATH=/opt/web/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/srv/web/app_backend
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="talking-tutor-web" \
      org.opencontainers.image.description="Reference web tier and front end of talking-tutor" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"
WORKDIR /srv
USER 10001:10001
EXPOSE 8000/tcp 3000/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4).read()"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--proxy-headers"]
