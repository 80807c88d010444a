#!/bin/sh
# Builds the network from its plain files with SUMO's netconvert (pip install eclipse-sumo).
set -eu
cd "$(dirname "$0")"
netconvert \
    --node-files single.nod.xml \
    --edge-files single.edg.xml \
    --tllogic-files single.tll.xml \
    --no-turnarounds \
    --output-file single.net.xml
