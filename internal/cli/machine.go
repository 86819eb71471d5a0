package cli

import (
	"os"
	"strings"
	"sync"

	"keepsake/internal/keeper"
)

// host returns what says where this process runs, looked up once and only when it is
// wanted.
func (a *app) host() func() keeper.Host {
	if a.Host != nil {
		return a.Host
	}
	return sync.OnceValue(func() keeper.Host {
		return keeper.Host{MachineID: machineID(), Container: container(a.LookupEnv, readSystem)}
	})
}

// readSystem reads a small file of the system; ok is false when it can't be read.
func readSystem(path string) (text string, ok bool) {
	data, err := os.ReadFile(path)
	return string(data), err == nil
}

// signs of a container are files that only those have: Docker's, Podman's, and what
// systemd was told by whoever started it.
var signs = []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"}

// container reports whether this process is in a container: by the files that are
// there, by what the first process was told, as systemd and others do
// (systemd.io/CONTAINER_INTERFACE), by Kubernetes, which tells every process, and by
// the control group of the first process, where that isn't hidden.
func container(env func(string) (string, bool), read func(string) (string, bool)) bool {
	for _, path := range signs {
		if _, there := read(path); there {
			return true
		}
	}
	for _, name := range []string{"container", "KUBERNETES_SERVICE_HOST"} {
		if value, _ := env(name); value != "" {
			return true
		}
	}
	first, _ := read("/proc/1/environ")
	if strings.HasPrefix(first, "container=") || strings.Contains(first, "\x00container=") {
		return true
	}
	groups, _ := read("/proc/1/cgroup")
	for _, word := range []string{"/docker", "/kubepods", "/lxc/", "/libpod", "containerd", "/machine.slice/machine-"} {
		if strings.Contains(groups, word) {
			return true
		}
	}
	return false
}
