//go:build !linux

package cli_test

import "testing"

func bind(t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("no bind mounts here")
}
