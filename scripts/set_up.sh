# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How ./bifuse sets its environment up; sourced by it, which says where things are.
#
# Each step leaves a stamp with the hash of what it depends on. So an interrupted run resumes, a
# changed requirement repeats its own step only, and a complete set-up costs milliseconds. Stamps
# lie inside .venv: who removes it starts over.

stamps=$venv/stamps
log=$cache/setup.log
requirements=$root/requirements

cpu_index=https://download.pytorch.org/whl/cpu
gigabytes_cpu=3      # .venv takes 1.5 with the tools of the tests, compilers and downloads the rest
gigabytes_default=14 # the default build of PyTorch brings the CUDA libraries

# Descriptor 3 is the terminal, also inside a step, whose output goes to the log.
exec 3>&2
in_step=''
say() { printf '%s\n' "${in_step:+$'\n'}$*" >&3; }

# Ends the launcher, also from inside a step, by a status that no command of ours returns.
told=69
fail() {
  say "bifuse: $*"
  exit $told
}

# ---------------------------------------------------------------- what the machine has

require_platform() {
  local platform
  platform="$(uname -s) $(uname -m)"
  [[ $platform == 'Linux x86_64' ]] || fail "this is $platform, but the ROS 2 wheels exist for" \
    "Linux x86_64 only: install a ROS distribution with apt and build with colcon (README)"
}

version_of() { "$1" -ISc 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# Prints the first Python that the ROS 2 wheels exist for.
find_python() {
  local candidate version found=()
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    version=$(version_of "$candidate") || continue
    [[ $version =~ ^3\.1[0-4]$ ]] && echo "$candidate" && return
    found+=("$version")
  done
  fail "needs Python 3.10 to 3.14, found ${found[*]:-none}: install one, e.g. sudo apt install python3"
}

# Installs the apt packages without which neither the environment nor vision_msgs can be made.
require_packages() {
  local base=$1 headers missing=()
  headers=$("$base" -ISc 'import sysconfig; print(sysconfig.get_path("include"))')
  command -v g++ >/dev/null || missing+=(g++)
  [[ -f $headers/Python.h ]] || missing+=("$base-dev")
  "$base" -ISc 'import ensurepip, venv' 2>/dev/null || missing+=("$base-venv")
  ((${#missing[@]})) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "missing on this machine: ${missing[*]}. Install with: sudo apt install ${missing[*]}"
  fi
  run_step "apt packages: ${missing[*]}" install_packages "${missing[@]}"
}

require_space() {
  local needed=$1 free
  free=$(df -Pk "$root" | awk 'NR == 2 { print int($4 / 1048576) }')
  ((free >= needed)) || fail "needs $needed GB of disk space, but $root has $free GB free"
}

has_nvidia() { [[ -e /proc/driver/nvidia/version ]] || command -v nvidia-smi >/dev/null; }

# ---------------------------------------------------------------- the steps

pip() { "$python" -m pip --disable-pip-version-check "$@"; }

# Constraints make every step agree on the versions in core.txt. Nothing is compiled ahead: what a
# command imports is compiled when it does.
pip_install() { pip install --no-input --no-compile -c "$requirements/core.txt" "$@"; }

install_packages() {
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Keeps an environment that works; the steps after this one fill it.
install_venv() {
  local base=$1
  if ! [[ $(version_of "$python") =~ ^3\.1[0-4]$ ]] || ! pip --version; then
    "$base" -m venv --clear "$venv" || return
  fi
  mkdir -p "$stamps"
}

install_ros() { pip_install -r "$requirements/ros.txt"; }

install_torch() {
  local pin
  pin=$(grep -m1 '^torch==' "$requirements/core.txt")
  if [[ -n ${BIFUSE_TORCH_INDEX:-} ]]; then
    pip_install --index-url "$BIFUSE_TORCH_INDEX" "$pin"
  elif has_nvidia; then
    require_space "$gigabytes_default"
    pip_install "${pin/==/===}" # '===' takes no +cpu build that pip may find as well
  elif pip_install "$pin+cpu"; then
    return
  elif timeout 10 "$python" -m pip index versions torch --index-url "$cpu_index" \
    --retries 0 --timeout 5 && pip_install --extra-index-url "$cpu_index" "$pin+cpu"; then
    return
  else
    say "no CPU build of PyTorch in reach: taking the default build, a download of several GB" \
      "(BIFUSE_TORCH_INDEX=URL chooses another index)"
    require_space "$gigabytes_default"
    pip_install "$pin"
  fi
}

# Builds the wheel once for each Python and state of its sources, and keeps it.
install_vision_msgs() {
  local wheels
  wheels=$cache/wheels/$(fingerprint vision_msgs)
  if [[ ! -f $stamps/vision_msgs ]] &&
    "$python" -c 'from vision_msgs.msg import Detection2DArray' 2>/dev/null; then
    return # another one, which this launcher did not build
  fi
  if ! compgen -G "$wheels/*.whl" >/dev/null; then
    "$python" "$root/scripts/build_vision_msgs.py" "$wheels" || return
  fi
  pip_install --force-reinstall --no-deps "$wheels"/*.whl
}

install_core() { pip_install -r "$requirements/core.txt"; }

install_dev() { pip_install -r "$requirements/dev.txt"; }

# ---------------------------------------------------------------- running the steps

# Prints what a step depends on, as a hash.
fingerprint() {
  local version files=("$requirements/core.txt")
  version=$(version_of "$python") || return
  case $1 in
    venv) files=() ;;
    torch) version+=$(grep '^torch==' "$requirements/core.txt") files=() ;;
    vision_msgs) files=("$requirements/ros.txt" "$root"/scripts/build_vision_msgs.py
      "$root"/scripts/message_wheel/*.py "$root"/scripts/vision_msgs/{package.xml,msg/*.msg}) ;;
    core) ;;
    *) files+=("$requirements/$1.txt") ;;
  esac
  cat -- <(echo "$version") "${files[@]}" | sha256sum | cut -c1-16
}

is_done() { [[ -f $stamps/$1 && $(<"$stamps/$1") == "$(fingerprint "$1")" ]]; }

# run_step TEXT COMMAND...: runs it with its output in the log, and says how long it took.
run_step() {
  local text=$1 began=$SECONDS
  shift
  printf '%s ... ' "$text" >&3
  printf '\n== %s\n' "$text" >>"$log"
  (in_step=yes && "$@") >>"$log" 2>&1 || explain_failure $? "$text"
  printf '%d s\n' $((SECONDS - began)) >&3
}

explain_failure() {
  local status=$1 last
  ((status != told)) || exit $told
  last=$(tail -n 40 "$log")
  printf 'failed\n\n%s\n\n' "$(tail -n 6 <<<"$last" | cut -c1-200)" >&3
  case $last in
    *'No space left on device'*) fail "the disk is full: $root, or ${TMPDIR:-/tmp}" ;;
    *NewConnectionError* | *'Failed to resolve'* | *'name resolution'* | *'failure resolving'* | \
      *ConnectTimeout* | *ReadTimeout* | *ProxyError* | *'Connection refused'*)
      fail 'no package index was reached: check the network (PIP_INDEX_URL and HTTPS_PROXY choose' \
        "another way). Run again to go on from here; the whole log is $log" ;;
    *) fail "\"$2\" failed. Run again to go on from here; the whole log is $log" ;;
  esac
}

# set_up STEP...: brings the environment up to date, one run at a time.
set_up() {
  local steps=("$@") step number=0 base fresh=1
  local -A text=([venv]='Python environment' [ros]='ROS 2 wheels' [torch]='PyTorch'
    [vision_msgs]='vision_msgs (compiled here)' [core]='image, plot and terminal libraries'
    [dev]='test tools')
  for step in "${steps[@]}"; do is_done "$step" || fresh=0; done
  ((fresh)) && return

  require_platform
  base=$(find_python) || exit
  mkdir -p "$cache"
  exec 9>"$cache/setup.lock"
  flock --nonblock 9 || { say 'another ./bifuse is setting up; waiting for it' && flock 9; }
  trap 'in_step=yes && fail "interrupted; run again to go on from here"' INT
  : >"$log"
  is_done torch || require_space "$gigabytes_cpu"
  is_done vision_msgs || require_packages "$base"
  for step in "${steps[@]}"; do
    number=$((number + 1))
    is_done "$step" && continue
    run_step "[$number/${#steps[@]}] ${text[$step]}" "install_$step" "$base"
    fingerprint "$step" >"$stamps/$step"
  done
  trap - INT
  exec 9>&-
}
