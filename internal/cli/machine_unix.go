//go:build unix && !darwin

package cli

import "strings"

// machineID is that of machine-id(5): made when the system was installed, and the same
// from then on. "" where there is none, or none yet.
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		text, _ := readSystem(path)
		if id := strings.TrimSpace(text); len(id) == 32 && strings.Trim(id, "0123456789abcdefABCDEF") == "" && strings.Trim(id, "0") != "" {
			return id
		}
	}
	return ""
}
