#!/bin/sh
# Builds the network from its plain files with SUMO's netconvert (pip install eclipse-sumo).
set -eu
cd "$(dirname "$0")"
netconvert \
    --node-files arena.nod.xml \
    --edge-files arena.edg.xml \
    --tls.layout opposites \
    --tls.cycle.time 80 \
    --tls.yellow.time 4 \
    --tls.allred.time 3 \
    --no-turnarounds \
    --output-file arena.net.xml
