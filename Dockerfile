# The server in a container: on stdin and stdout by default, over HTTP with `serve --http …`.
# docs/packaging.md says how to run it.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir "uv>=0.9,<1"
ENV UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY server ./server
COPY experience_store ./experience_store
RUN uv build --wheel --out-dir /dist \
    && uv venv /opt/experience-mcp \
    && uv pip install --no-cache --compile-bytecode --python /opt/experience-mcp \
        --constraints constraints.txt /dist/*.whl

FROM python:3.13-slim
# Change the name together with server.json and README.md: the MCP registry compares them.
LABEL io.modelcontextprotocol.server.name="com.example/experience-mcp"
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin experience \
    && install --directory --owner=experience --group=experience --mode=0700 /data
COPY --from=build /opt/experience-mcp /opt/experience-mcp
COPY packaging/docker/health.py /opt/health.py
ENV PATH="/opt/experience-mcp/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    EXPERIENCE_MCP_DATABASE=/data/experience.db
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "/opt/health.py"]
ENTRYPOINT ["experience-mcp"]
CMD ["serve"]
