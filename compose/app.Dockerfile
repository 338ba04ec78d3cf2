# The product's processes: topics, migrations, ingest, bridge, dashboard, simulator. Built from the repository's root:
#   docker compose build
FROM python:3.11.13-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/run.txt /build/requirements/run.txt
RUN /venv/bin/pip install --require-hashes --no-deps --requirement /build/requirements/run.txt
COPY pyproject.toml README.md LICENSE /build/
COPY orderbook /build/orderbook
COPY runtime /build/runtime
COPY connectors /build/connectors
COPY sinks /build/sinks
COPY flink /build/flink
COPY panel_app /build/panel_app
COPY migrations /build/migrations
COPY local_stack /build/local_stack
COPY dataflows /build/dataflows
COPY cli /build/cli
RUN /venv/bin/pip install --no-deps --no-build-isolation /build

FROM python:3.11.13-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATE_DIR=/state \
    ORDERBOOK_READY_FILE=/run/orderbook/ready
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin orderbook \
    && install --directory --owner=orderbook /state /recordings /run/orderbook /srv
COPY --from=build /venv /venv
WORKDIR /srv
USER orderbook
CMD ["orderbook", "--help"]
