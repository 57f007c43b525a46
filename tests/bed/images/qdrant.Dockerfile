# NOT Qdrant: our own server of its REST API, at Qdrant's port and with Qdrant's places and variables. It shows that the
# stack around it works; it shows nothing about Qdrant.
ARG BASE
FROM ${BASE}
COPY aisuite /opt/aisuite/aisuite
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/aisuite && mkdir -p /qdrant/storage /qdrant/snapshots
COPY --chmod=755 qdrant-entrypoint.sh /qdrant/entrypoint.sh
WORKDIR /qdrant
EXPOSE 6333
CMD ["./entrypoint.sh"]
