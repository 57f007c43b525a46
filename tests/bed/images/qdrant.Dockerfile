# NOT Qdrant: our own server of its REST API, at Qdrant's port and with Qdrant's places, user and variables. It shows that
# the stack around it works; it shows nothing about Qdrant.
ARG BASE
FROM ${BASE}
USER root
RUN mkdir -p /qdrant/storage /qdrant/snapshots
COPY qdrant-entrypoint.sh /qdrant/entrypoint.sh
WORKDIR /qdrant
EXPOSE 6333
CMD ["./entrypoint.sh"]
