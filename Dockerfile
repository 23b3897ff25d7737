# The product as an image: nothing of the build is in the result, nothing in it runs as root.
#   docker build -t genesys-processor .             the product
#   docker build -t genesys-processor:demo --target demo .    with a calendar server, for compose.yaml

# Not the slim one: what every event passes is compiled (setup.py).
FROM python:3.11 AS build
WORKDIR /build
COPY requirements.txt requirements-demo.txt requirements-native.txt ./
RUN python -m venv /opt/product \
 && /opt/product/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.txt \
 && python -m venv /opt/demo \
 && /opt/demo/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-demo.txt \
 && python -m venv /opt/native \
 && /opt/native/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-native.txt
COPY pyproject.toml setup.py README.md ./
COPY processor ./processor
COPY handlers ./handlers
COPY sandbox ./sandbox
RUN BUILD_NATIVE=1 /opt/native/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/product/bin/python -m pip install --no-cache-dir --no-deps dist/*.whl \
 && /opt/demo/bin/python -m pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11-slim AS base
RUN useradd --system --uid 10001 --user-group --no-create-home genesys \
 && install --directory --owner genesys --group genesys /data
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROCESSOR_RECEIVER_HOST=0.0.0.0
# The default log, ./data/events.db, lies on the volume.
WORKDIR /
VOLUME /data
USER 10001:10001
ENTRYPOINT ["genesys-processor"]
CMD ["serve"]

FROM base AS demo
COPY --from=build /opt/demo /opt/demo
ENV PATH=/opt/demo/bin:$PATH

FROM base
COPY --from=build /opt/product /opt/product
ENV PATH=/opt/product/bin:$PATH
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=7s --start-period=30s CMD ["python", "-m", "processor.app.health"]
