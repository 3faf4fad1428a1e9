#!/usr/bin/env bash
# Holds the operator's files against the programs that will read them: promtool
# and systemd-analyze. A tool that is missing is installed; one that can't be had
# is a failure, since a check left out looks like a check passed.
set -euo pipefail
cd "$(dirname "$0")"

# need TOOL PACKAGE
need() {
  command -v "$1" >/dev/null && return
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
  local log
  log=$(mktemp)
  echo "installing $1 (Debian package $2)"
  { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "$2"; } >"$log" 2>&1 || true
  if ! command -v "$1" >/dev/null; then
    cat "$log" >&2
    echo "$1 is not here and can't be installed: these files are not checked" >&2
    exit 1
  fi
  rm -f "$log"
}
need promtool prometheus
need systemd-analyze systemd

promtool check config prometheus/scrape.yaml
promtool test rules prometheus/alerts_test.yaml

# The units name programs that are installed later, and the drop-in lies where
# systemd looks for it: so a copy with both put right is what is verified.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/samband-desk@.service.d"
cp systemd/*.service "$work"
cp systemd/unlock-by-credential.conf "$work/samband-desk@.service.d"
find "$work" -type f -exec sed -i 's#/usr/local/bin/samband-[a-z]*#/bin/true#' {} +

# The exposure that systemd computes is 12 of 100, most of it for using the network
# and for not living in a chroot. Whatever loosens a unit raises it.
for unit in "$work"/*.service; do
  said=$(systemd-analyze verify --man=no "$unit" 2>&1) && [ -z "$said" ] ||
    { echo "$said"; exit 1; }
  systemd-analyze security --offline=yes --no-pager --threshold=15 "$unit" >"$work/said" ||
    { cat "$work/said"; exit 1; }
  tail -n1 "$work/said"
done
