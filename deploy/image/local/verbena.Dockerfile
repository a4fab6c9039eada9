# The last stage of deploy/image/Dockerfile, with a bundle that was made outside.
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="verbena" \
      org.opencontainers.image.description="The services of Verbena, which runs MPI jobs in virtual machines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY bundle/ /app/
COPY --chown=10001:10001 data/ /var/lib/verbena/
ENV NODE_ENV=production VERBENA_DATA_DIR=/var/lib/verbena VERBENA_HEALTH_LISTEN=0.0.0.0:8080
USER 10001:10001
WORKDIR /app
EXPOSE 7070 7300 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/verbena-service.mjs", "health"]
ENTRYPOINT ["node", "/app/verbena-service.mjs"]
