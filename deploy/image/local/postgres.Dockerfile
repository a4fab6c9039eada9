# Debian's Postgres, in the place of postgres:16; it understands the same variables.
FROM scratch
COPY rootfs/ /
COPY --chown=999:999 data/ /var/lib/postgresql/verbena/
ENV PATH=/usr/local/bin:/usr/lib/postgresql/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/verbena/data LC_ALL=C TZ=UTC
USER 999:999
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "/usr/local/bin/entrypoint.sh"]
CMD ["postgres"]
