# Debian's nats-server, in the place of nats:2-alpine; busybox has the wget of the health check.
FROM scratch
COPY rootfs/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin
EXPOSE 4222 8222
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/nats-server"]
CMD ["--addr", "0.0.0.0", "--http_port", "8222"]
