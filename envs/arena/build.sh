#!/bin/sh
# Builds the network from its plain files with SUMO's netconvert (pip install eclipse-sumo).
set -eu
cd "$(dirname "$0")"
netconvert \
    --node-files arena.nod.xml \
    --edge-files arena.edg.xml \
    --tllogic-files arena.tll.xml \
    --tls.layout opposites \
    --no-turnarounds \
    --output-file arena.net.xml
