#!/bin/sh
# What the official Redis image's entrypoint does: options alone mean redis-server, and root is given up.
# Its server is compiled with the protected mode off; this one is told to.
set -e
case "${1-}" in "" | -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        chown -R redis:redis .
        exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
    fi
    shift
    case "${1-}" in
        -v | --version | -h | --help) set -- redis-server "$@" ;;
        *.conf) file=$1 && shift && set -- redis-server "$file" --protected-mode no "$@" ;;
        *) set -- redis-server --protected-mode no "$@" ;;
    esac
fi
exec "$@"
