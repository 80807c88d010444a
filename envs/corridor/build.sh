#!/bin/sh
# Builds the network from its plain files with SUMO's netconvert (pip install eclipse-sumo).
set -eu
cd "$(dirname "$0")"
netconvert \
    --node-files corridor.nod.xml \
    --edge-files corridor.edg.xml \
    --connection-files corridor.con.xml \
    --tllogic-files corridor.tll.xml \
    --no-turnarounds \
    --output-file corridor.net.xml
