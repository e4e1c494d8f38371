#!/usr/bin/env bash
# Installs what Ferry needs on a Debian machine: tools/setup.sh node|kit|demo|test [--again]
#
#   node  runs and saves jobs: CRIU >= 4.2 in $FERRY_TOOLS, runc, iproute2, iptables, nftables, and the C compiler the build needs
#   kit   node + what packs the kit for machines with GPUs
#   demo  node + the demo's PyTorch
#   test  kit + demo (the end-to-end tests run the same training)
#   --again  tries CRIU also where a setup was done: what somebody asks for who types `ferry setup`
#
# Done once for each kernel: a stamp in $FERRY_TOOLS says so. A second caller waits for the first. Only apt, only signed packages; needs root when something is missing.
# Exit status: 0 everything is there, 69 something can't be had (said in one line).
set -euo pipefail

FERRY_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$FERRY_SCRIPTS/common.sh"
# shellcheck source=criu-install.sh
. "$FERRY_SCRIPTS/criu-install.sh"

# Raised when the list below changes: stamps of older setups are then worth nothing.
readonly SETUP_VERSION=1
readonly LOCK_SECONDS=1800

role=${1:?usage: setup.sh node|kit|demo|test [--again]}
again=no
[[ ${2:-} != --again ]] || again=yes
case $role in
    node | kit | demo | test) ;;
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | head -n 12; exit 0 ;;
    *) say "setup: unknown role '$role': node, kit, demo or test"; exit 64 ;;
esac
stamp=$FERRY_TOOLS/setup-$role.stamp
# With another kernel what was tried is worth nothing.
made="$SETUP_VERSION $(uname -r)"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# missing_packages: prints the Debian packages whose commands are not there, however they were installed.
missing_packages() {
    type -P runc >/dev/null || echo runc
    type -P ip >/dev/null || echo iproute2
    type -P iptables >/dev/null || echo iptables
    type -P nft >/dev/null || echo nftables
    type -P perl >/dev/null || echo perl-base
    type -P gcc >/dev/null || echo gcc
    compgen -G '/usr/lib/*/libc.a' >/dev/null || compgen -G '/usr/lib*/libc.a' >/dev/null || echo libc6-dev
    [[ -x $FERRY_TOOLS/criu/bin/criu && $role != kit && $role != test ]] || type -P patchelf >/dev/null || echo patchelf
    [[ $role != kit && $role != test ]] || type -P zstd >/dev/null || echo zstd
    [[ $role == node || $role == kit ]] || has_torch || echo python3-torch
    [[ $role != test ]] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
    [[ $role != test ]] || type -P spin >/dev/null || echo spin
}

# The demo runs /usr/bin/python3: a PyTorch of a virtual environment is of no use to it.
has_torch() {
    [[ -x /usr/bin/python3 ]] && /usr/bin/python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' 2>/dev/null
}

install_packages() {
    [[ $# -gt 0 ]] || return 0
    type -P apt-get >/dev/null ||
        unavailable "missing here: $*; this setup knows only Debian's apt: install them by hand and run this again"
    [[ $EUID -eq 0 ]] || unavailable "missing here: $*; run as root, or: apt-get install --no-install-recommends $*"
    say "installing $* ..."
    # The tests start a server of their own: none is to come up by itself.
    if [[ " $* " == *' postgresql '* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
        mkdir -p /etc/postgresql-common
        printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
    fi
    if ! logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update; then
        say "warning: apt-get update failed, going on with the package lists that are there"
    fi
    if ! DEBIAN_FRONTEND=noninteractive logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold \
        install -y --no-install-recommends "$@"; then
        log_tail "$log_file"
        unavailable "apt-get could not install $*: is the network there? (log: $log_file)"
    fi
}

is_done() {
    [[ $again == no && -r $stamp && $(<"$stamp") == "$made" && -x $FERRY_TOOLS/criu/bin/criu && -z $(missing_packages) ]]
}

! is_done || exit 0

mkdir -p "$FERRY_TOOLS" 2>/dev/null || true
[[ -w $FERRY_TOOLS ]] ||
    unavailable "$FERRY_TOOLS can't be written: run this as root, or set FERRY_TOOLS to a folder of your own"
log_file=$FERRY_TOOLS/setup.log
exec 9>"$FERRY_TOOLS/.setup.lock"
if ! flock -n 9; then
    say "waiting for another setup to end ..."
    flock -w "$LOCK_SECONDS" 9 || unavailable "another setup has held $FERRY_TOOLS/.setup.lock for $((LOCK_SECONDS / 60)) minutes"
    ! is_done || exit 0
fi
printf '%(%F %T)T setup for %s\n' -1 "$role" >"$log_file"
rm -f "$stamp"

mapfile -t packages < <(missing_packages)
install_packages "${packages[@]}"
[[ $EUID -eq 0 ]] || unavailable "CRIU can be set up by root only: run this as root"
criu_install
printf '%s\n' "$made" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "ready: CRIU $(criu_version "$FERRY_TOOLS/criu/bin/criu") in $FERRY_TOOLS/criu"
