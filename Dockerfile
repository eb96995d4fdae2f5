# Bisync as an image: web server, worker and scheduler differ only in their command (see docker-compose.yml).
FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --requirement /tmp/requirements.txt

FROM python:3.12-slim-bookworm
# git for repositories, ssh for those behind a key, the client for backups of the database.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git openssh-client postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin bisync \
    && install --directory --owner bisync --mode 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY . /srv/bisync
WORKDIR /srv/bisync
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BISYNC_DATA_DIR=/data \
    BISYNC_STATIC_DIR=/srv/static \
    BISYNC_LOG_FORMAT=json
# The key is for this one command and stays in no layer's environment.
RUN BISYNC_DATA_DIR=/tmp/build BISYNC_SECRET_KEY=only-to-collect-the-static-files-of-this-image \
    python manage.py collectstatic --no-input --verbosity 0
USER bisync
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "--config", "python:bisync.gunicorn", "bisync.wsgi"]
