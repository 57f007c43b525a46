# What our services import. Apart from the services, so that a change in those builds in a second.
ARG BASE
FROM ${BASE}
COPY site /opt/libraries
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/libraries > /dev/null; true
ENV PYTHONPATH=/opt/aisuite:/opt/libraries PATH=/usr/bin:/bin LC_ALL=C.UTF-8
