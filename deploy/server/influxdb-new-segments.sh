#!/bin/sh
# Run before each start of InfluxDB 1.6, as its own user:  influxdb-new-segments.sh /var/lib/influxdb/wal
#
# After a crash the last file of a write-ahead log can end in half an entry. InfluxDB cuts that off, but goes on writing
# behind the place where it was; at the next crash it finds the gap, and throws away every point that it acknowledged
# after the first one. An empty file of the next number makes it begin a new file instead.
set -eu
folder=$1
[ -d "$folder" ] || exit 0 # before the first start
find "$folder" -type f -name '_?????.wal' | sed 's|/[^/]*$||' | sort -u | while IFS= read -r shard; do
    number=$(find "$shard" -maxdepth 1 -name '_?????.wal' | sed 's|.*/_0*||; s|\.wal$||' | sort -n | tail -n 1)
    : >"$shard/$(printf '_%05d.wal' $((number + 1)))"
done
