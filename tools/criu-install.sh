# Finds or installs CRIU into $FERRY_TOOLS/criu: sourced by setup.sh, which holds the lock and names log_file.
#
# Order: the system's own criu, then Debian's newer suites. The first that is >= 4.2, passes `criu check` and the self-test is kept.
# Nothing of the system is touched: the packages of a newer suite are unpacked into a folder of our own, with the libc they were built for.
# shellcheck shell=bash disable=SC2154

readonly CRIU_MINIMUM=4.2
readonly CRIU_SUITES="trixie forky sid"

# criu_version BINARY: prints its version, e.g. 4.2.1.
criu_version() {
    "$1" --version 2>/dev/null 9>&- | sed -n 's/^Version: *//p'
}

version_at_least() { dpkg --compare-versions "$1" ge "$2"; }

# criu_works BINARY: true if it is recent enough and saves and restores here. Sets CRIU_REASON otherwise.
criu_works() {
    local version
    version=$(criu_version "$1") || version=
    if [[ -z $version ]]; then
        CRIU_REASON="it does not start"
    elif ! version_at_least "$version" "$CRIU_MINIMUM"; then
        CRIU_REASON="version $version is older than $CRIU_MINIMUM"
    elif ! logged "$1" check; then
        CRIU_REASON="'criu check' fails: $(tail -n 1 "$log_file")"
    elif ! logged "$FERRY_SCRIPTS/criu-selftest.sh" "$1"; then
        CRIU_REASON="the self-test fails: $(tail -n 1 "$log_file")"
    else
        CRIU_REASON=
        return 0
    fi
    return 1
}

# criu_accept FOLDER: makes $FERRY_TOOLS/criu point at it, in one step.
criu_accept() {
    ln -sfn "$(basename "$1")" "$FERRY_TOOLS/.criu.new"
    mv -T "$FERRY_TOOLS/.criu.new" "$FERRY_TOOLS/criu"
}

# debian_mirrors: prints the machine's own mirrors of the Debian archive, from both formats of apt sources, in their order.
# A mirror of the archive is one from which the machine takes a suite like `bookworm` or `stable`, not security or a foreign repository.
debian_mirrors() {
    local codename file
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [[ -r $file ]] || continue
        case $file in
            *.sources)
                awk -v codename="$codename" '
                    function flush(  i, n, words) {
                        if (types ~ /(^| )deb( |$)/ && enabled !~ /^no/ && suites_match(suites)) {
                            n = split(uris, words, " ")
                            for (i = 1; i <= n; i++) print words[i]
                        }
                        types = uris = suites = enabled = key = ""
                    }
                    function suites_match(list,  i, n, words) {
                        n = split(list, words, " ")
                        for (i = 1; i <= n; i++) if (words[i] == codename || words[i] ~ /^(stable|testing|unstable|sid)$/) return 1
                        return 0
                    }
                    /^#/ { next }
                    /^[ \t]*$/ { flush(); next }
                    /^[^ \t]/ { key = tolower($0); sub(/:.*/, "", key); sub(/^[^:]*:[ \t]*/, "") }
                    key == "types" { types = types " " $0 }
                    key == "uris" { uris = uris " " $0 }
                    key == "suites" { suites = suites " " $0 }
                    key == "enabled" { enabled = $0 }
                    END { flush() }' "$file"
                ;;
            *)
                awk -v codename="$codename" '
                    $1 == "deb" {
                        sub(/^[ \t]*deb[ \t]+/, "")
                        sub(/^\[[^]]*\][ \t]*/, "")
                        if ($2 == codename || $2 ~ /^(stable|testing|unstable|sid)$/) print $1
                    }' "$file"
                ;;
        esac
    done | awk '!seen[$0]++'
}

# suite_apt COMMAND ARG...: apt with lists, cache and status of our own, so that the system's are neither read nor changed.
suite_apt() {
    local tool=$1
    shift
    "$tool" -qq \
        -o Dir::Etc::sourcelist="$SUITE_WORK/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
        -o Dir::State::lists="$SUITE_WORK/lists" -o Dir::State::status="$SUITE_WORK/status" \
        -o Dir::Cache="$SUITE_WORK/cache" \
        -o APT::Architecture="$SUITE_ARCHITECTURE" -o APT::Architectures="$SUITE_ARCHITECTURE" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# apt_reason: prints the line of apt's last complaint that says most.
apt_reason() {
    grep -E '^[EW]:' "$log_file" | grep -E 'Failed to fetch|GPG error|not signed|not valid' | tail -n 1 || grep -E '^[EW]:' "$log_file" | tail -n 1 || true
}

# criu_from_suite MIRROR SUITE: unpacks that suite's criu with all it is linked with, and accepts it if it works.
# Returns 1, with CRIU_REASON set, if it doesn't.
criu_from_suite() {
    local mirror=$1 suite=$2 keyring='' candidate version folder binary loader libraries archive
    local -a closure
    for archive in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [[ -r $archive ]] && { keyring=$archive; break; }
    done
    if [[ -z $keyring ]]; then
        CRIU_REASON="the Debian archive keyring is missing (apt-get install debian-archive-keyring)"
        return 1
    fi
    rm -rf "$SUITE_WORK"
    mkdir -p "$SUITE_WORK/lists/partial" "$SUITE_WORK/cache/archives/partial" "$SUITE_WORK/packages"
    : >"$SUITE_WORK/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$SUITE_WORK/sources.list"
    if ! logged suite_apt apt-get -o APT::Update::Error-Mode=any update; then
        CRIU_REASON="its package list can't be had: $(apt_reason)"
        return 1
    fi
    candidate=$(suite_apt apt-cache policy criu 2>>"$log_file" | sed -n 's/^ *Candidate: *//p')
    version=${candidate%-*}
    if [[ -z $candidate || $candidate == "(none)" ]]; then
        CRIU_REASON="it has no criu"
        return 1
    fi
    if ! version_at_least "$version" "$CRIU_MINIMUM"; then
        CRIU_REASON="its criu $version is older than $CRIU_MINIMUM"
        return 1
    fi
    say "installing CRIU $version from Debian $suite into $FERRY_TOOLS ..."
    mapfile -t closure < <(suite_apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances criu 2>>"$log_file" | grep -E '^[a-z0-9]' | sort -u)
    if ! (cd "$SUITE_WORK/packages" && logged suite_apt apt-get download "${closure[@]}"); then
        CRIU_REASON="its packages can't be downloaded: $(apt_reason)"
        return 1
    fi
    folder=$FERRY_TOOLS/criu-$version-$suite
    rm -rf "$folder"
    mkdir -p "$folder/root" "$folder/bin"
    for archive in "$SUITE_WORK"/packages/*.deb; do
        if ! logged dpkg -x "$archive" "$folder/root"; then
            CRIU_REASON="$(basename "$archive") can't be unpacked"
            rm -rf "$folder"
            return 1
        fi
    done
    binary=$(find "$folder/root" -path '*/sbin/criu' -type f | head -n 1)
    loader=$(find "$folder/root" -name 'ld-linux-*.so.*' \( -type f -o -type l \) | sort | head -n 1)
    libraries=$(find "$folder/root" -type d -name '*-linux-gnu' -path '*/lib/*' | sort | paste -sd: -)
    if [[ -z $binary || -z $loader || -z $libraries ]]; then
        CRIU_REASON="its packages are laid out in an unknown way"
        rm -rf "$folder"
        return 1
    fi
    loader=$(readlink -f "$loader")
    # An RPATH, because a RUNPATH is not inherited by the libraries that criu loads.
    cp "$binary" "$folder/bin/criu"
    if ! logged patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$folder/bin/criu"; then
        CRIU_REASON="patchelf failed: $(tail -n 1 "$log_file")"
        rm -rf "$folder"
        return 1
    fi
    if ! criu_works "$folder/bin/criu"; then
        rm -rf "$folder"
        return 1
    fi
    rm -rf "$folder/root/usr/share/doc" "$folder/root/usr/share/man"
    criu_accept "$folder"
}

# criu_install: leaves a working $FERRY_TOOLS/criu/bin/criu, or ends with what was tried.
criu_install() {
    local system mirror suite tried=()
    if [[ -x $FERRY_TOOLS/criu/bin/criu ]]; then
        criu_works "$FERRY_TOOLS/criu/bin/criu" && return 0
        say "the CRIU in $FERRY_TOOLS no longer works here: $CRIU_REASON"
    fi
    if system=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin type -P criu); then
        if criu_works "$system"; then
            mkdir -p "$FERRY_TOOLS/criu-system/bin"
            ln -sfn "$system" "$FERRY_TOOLS/criu-system/bin/criu"
            criu_accept "$FERRY_TOOLS/criu-system"
            return 0
        fi
        tried+=("$system: $CRIU_REASON")
    fi
    SUITE_ARCHITECTURE=$(dpkg --print-architecture)
    SUITE_WORK=$FERRY_TOOLS/.criu-work
    # shellcheck disable=SC2064  # the folder's name as it is now
    trap "rm -rf '$SUITE_WORK'" EXIT
    for suite in $CRIU_SUITES; do
        while read -r mirror; do
            if criu_from_suite "$mirror" "$suite"; then
                rm -rf "$SUITE_WORK"
                return 0
            fi
            tried+=("Debian $suite from $mirror: $CRIU_REASON")
        done < <(debian_mirrors)
    done
    [[ ${#tried[@]} -gt 0 ]] || tried+=("no Debian mirror in this machine's apt sources")
    say "no CRIU >= $CRIU_MINIMUM that works here was found:"
    printf '    | %s\n' "${tried[@]}" >&2
    unavailable "install CRIU >= $CRIU_MINIMUM by hand, so that 'criu check' passes, and run this again (log: $log_file)"
}
