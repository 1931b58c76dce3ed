# shellcheck shell=bash disable=SC2154 # $work is of who sources it
# A Slurm cluster of three nodes on loopback, all of it in $work/cluster: munge with a key of its own, slurmctld and slurmd
# started by hand, nothing of the system's. Source it behind common.sh; call cluster_start, and cluster_stop at the end.

need_slurm() {
	[ "$(id -u)" = 0 ] || skip "needs root to start slurmd"
	local tool
	for tool in munged slurmctld slurmd sbatch squeue scontrol sinfo scancel; do
		command -v "$tool" > /dev/null || skip "$tool is missing (tools/setup --for=fleet)"
	done
}

# A free block of four ports: the controller's, and one for each node.
free_ports() {
	local port i
	for ((i = 0; i < 50; i++)); do
		port=$((20000 + RANDOM % 20000))
		if ! ss -Hltn "sport >= :$port and sport <= :$((port + 3))" | grep -q .; then
			echo "$port"
			return
		fi
	done
	fail "no four free ports"
}

# What differs from a site's: no cgroups, no accounting, short timeouts, no pause of 3 s that gathers jobs before they are
# started, and three nodes with one address.
cluster_config() { # PORT LICENCES
	local host
	host=$(hostname -s)
	cat << CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
AuthType=auth/munge
AuthInfo=socket=$cluster/run/munge.socket,cred_expire=10
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$cluster/state
SlurmctldPidFile=$cluster/run/slurmctld.pid
SlurmctldLogFile=$cluster/log/slurmctld.log
SlurmdSpoolDir=$cluster/spool/%n
SlurmdPidFile=$cluster/run/slurmd.%n.pid
SlurmdLogFile=$cluster/log/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerParameters=batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$cluster/log/jobcomp.txt
ReturnToService=2
SlurmdTimeout=10
KillWait=10
MinJobAge=600
MaxArraySize=1001
MaxJobCount=20000
Licenses=$2
NodeName=conv1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 1)) CPUs=2 RealMemory=4000
NodeName=conv2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 2)) CPUs=2 RealMemory=4000
NodeName=conv3 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 3)) CPUs=2 RealMemory=4000
PartitionName=convert Nodes=conv[1-3] Default=YES MaxTime=INFINITE State=UP
CONF
}

controller_start() {
	slurmctld -f "$SLURM_CONF"
}

node_start() { # NODE
	slurmd -N "$1" -f "$SLURM_CONF"
}

cluster_start() { # LICENCES
	local node
	cluster=$work/cluster
	mkdir -p "$cluster"/{run,log,state,spool}
	chmod 755 "$work" "$cluster" "$cluster/run" # munge wants its socket's folders open to all
	cluster_config "$(free_ports)" "$1" > "$cluster/slurm.conf"
	export SLURM_CONF=$cluster/slurm.conf
	(umask 277 && head -c 1024 /dev/urandom > "$cluster/munge.key")
	munged --key-file="$cluster/munge.key" --socket="$cluster/run/munge.socket" --pid-file="$cluster/run/munged.pid" \
		--log-file="$cluster/log/munged.log" --seed-file="$cluster/run/munge.seed" --num-threads=2
	controller_start
	for node in conv1 conv2 conv3; do node_start "$node"; done
	await 60 "three idle nodes" nodes_are idle 3
}

nodes_are() { # STATE NUMBER
	[ "$(sinfo -h -N -o '%N %T' 2> /dev/null | grep -c " $1$")" = "$2" ]
}

await() { # SECONDS WHAT COMMAND…
	local limit=$1 what=$2 began=$SECONDS
	shift 2
	until "$@"; do
		[ $((SECONDS - began)) -lt "$limit" ] || fail "no $what within $limit s: $(squeue 2>&1 | head -20; sinfo -N -l 2>&1)"
		sleep 0.5
	done
}

# The processes that tasks of this cluster are made of: [on NODE]. Their environment names the cluster's file.
task_processes() {
	local files
	files=$(grep -lzxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2> /dev/null) || true
	[ -n "$files" ] || return 0
	# shellcheck disable=SC2086 # names without spaces
	{ grep -lzx "SLURMD_NODENAME=${1-.*}" $files 2> /dev/null || true; } | tr -dc '0-9\n'
}

# Those processes' slurmstepd: the parents that have not got the environment.
step_daemons() { # PID…
	local pid parent
	for pid; do
		parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2> /dev/null) || continue
		if grep -qa slurmstepd "/proc/$parent/cmdline" 2> /dev/null; then echo "$parent"; fi
	done | sort -u
}

# As when its power is cut: all of it stops at one moment and never says a word.
node_cut() { # NODE
	local tasks steps daemon
	daemon=$(cat "$cluster/run/slurmd.$1.pid")
	kill -STOP "$daemon"
	tasks=$(task_processes "$1")
	# shellcheck disable=SC2086 # a list of numbers
	steps=$(step_daemons $tasks)
	# shellcheck disable=SC2086
	kill -STOP $steps $tasks 2> /dev/null || true
	# shellcheck disable=SC2086
	kill -KILL "$daemon" $steps $tasks 2> /dev/null || true
	rm -f "$cluster/run/slurmd.$1.pid"
}

# As its service is stopped: it writes down what it knows.
controller_stop() {
	local pid
	pid=$(cat "$cluster/run/slurmctld.pid")
	kill "$pid"
	while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
}

cluster_stop() {
	local file tasks
	[ -n "${cluster-}" ] || return 0
	for file in "$cluster"/run/slurm*.pid; do
		[ ! -e "$file" ] || kill -KILL "$(cat "$file")" 2> /dev/null || true
	done
	tasks=$(task_processes)
	# shellcheck disable=SC2046,SC2086
	kill -KILL $(step_daemons $tasks) $tasks 2> /dev/null || true
	[ ! -e "$cluster/run/munged.pid" ] || kill "$(cat "$cluster/run/munged.pid")" 2> /dev/null || true
}
