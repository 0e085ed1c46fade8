#!/bin/sh
# SPDX-License-Identifier: 0BSD
# models.t - SPIN verifies the protocols between CPUs, and finds each order of steps that was broken on purpose.
# About half a minute; plain `make check` leaves it to check-long, and says so.
[ -n "${ASHLAR_LONG:-}" ] || { echo '1..0 # SKIP models: only in check-long (or: models/run)'; exit 0; }
exec sh models/run
