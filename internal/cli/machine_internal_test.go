package cli

import (
	"runtime"
	"strings"
	"testing"
)

// TestTrue_16_Container: each sign of a container is one, and a plain machine has none.
func TestTrue_16_Container(t *testing.T) {
	machine := map[string]string{"/proc/1/environ": "PATH=/bin\x00TERM=linux", "/proc/1/cgroup": "0::/init.scope\n"}
	for _, c := range []struct {
		name, path, text, variable string
		want                       bool
	}{
		{"Machine", "/etc/hostname", "x", "", false},
		{"Docker", "/.dockerenv", "", "", true},
		{"Podman", "/run/.containerenv", "", "", true},
		{"SystemdWasTold", "/run/systemd/container", "lxc", "", true},
		{"OurEnvironment", "", "", "container", true},
		{"Kubernetes", "", "", "KUBERNETES_SERVICE_HOST", true},
		{"FirstProcess", "/proc/1/environ", "A=b\x00container=podman\x00", "", true},
		{"FirstProcessFirst", "/proc/1/environ", "container=oci", "", true},
		{"AnotherVariable", "/proc/1/environ", "A=b\x00mycontainer=x\x00", "", false},
		{"ControlGroup", "/proc/1/cgroup", "12:cpu:/docker/0123\n", "", true},
		{"Pod", "/proc/1/cgroup", "0::/kubepods/besteffort/pod1\n", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(path string) (string, bool) {
				if path == c.path {
					return c.text, true
				}
				text, ok := machine[path]
				return text, ok
			}
			env := func(name string) (string, bool) { return strings.Repeat("x", len(c.variable)), name == c.variable }
			if got := container(env, read); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

// TestTrue_16_MachineID: what the system gives is an id, or nothing.
func TestTrue_16_MachineID(t *testing.T) {
	if id := machineID(); runtime.GOOS == "linux" && id != "" && len(id) != 32 {
		t.Errorf("got %q", id)
	}
}
