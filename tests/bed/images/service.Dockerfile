# Our own services; the command says which.
ARG BASE
FROM ${BASE}
COPY aisuite /opt/aisuite/aisuite
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/aisuite
