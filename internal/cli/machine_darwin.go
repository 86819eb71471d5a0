package cli

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// machineID is the hardware's UUID, as ioreg(8) prints it.
func machineID() string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice").Output()
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(out), `"IOPlatformUUID" = "`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
