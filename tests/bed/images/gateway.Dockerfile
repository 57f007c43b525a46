# LiteLLM. The real image has its program on PATH, Python as `python3`, and no curl.
ARG BASE
FROM ${BASE}
COPY site /opt/litellm
# Compiled here, for this image's own Python: without bytecode the start takes three times as long. Some packages
# carry files that no Python 3.11 can compile and that nothing imports, hence no look at the exit code.
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/litellm > /dev/null; true
COPY litellm.py /usr/local/bin/litellm
ENV PYTHONPATH=/opt/litellm PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8
WORKDIR /app
ENTRYPOINT ["litellm"]
