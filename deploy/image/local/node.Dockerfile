# Node and its libraries from this machine, for where no registry can be reached.
FROM scratch
COPY rootfs/ /
ENV PATH=/usr/local/bin
ENTRYPOINT ["/usr/local/bin/node"]
