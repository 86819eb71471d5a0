package cli_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keepsake/internal/cli"
	"keepsake/internal/keeper"
	"keepsake/internal/store/chroma/chromatest"
)

func TestMain(m *testing.M) {
	testscript.Main(chromatest.Wrap(m), map[string]func(){"keepsake": keepsake})
}

// keepsake is the program as a script runs it: a process of its own.
func keepsake() {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	code := cli.Run(context.Background(), cli.Process{
		Args: os.Args[1:], Dir: dir, LookupEnv: os.LookupEnv, Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Host: testHost(),
	})
	if path := os.Getenv(statusEnv); path != "" {
		status, err := os.ReadFile("/proc/self/status")
		if err == nil {
			err = os.WriteFile(path, status, 0o600)
		}
		if err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}

// testMachine is the id of the machine that tests run on, also in a container. With
// realHostEnv a process asks the system.
const (
	testMachine = "00112233445566778899aabbccddeeff"
	realHostEnv = "KEEPSAKE_TEST_REAL_HOST"
)

func testHost() func() keeper.Host {
	if os.Getenv(realHostEnv) != "" {
		return nil
	}
	return func() keeper.Host { return keeper.Host{MachineID: testMachine} }
}

// statusEnv names a file for what Linux says of the process at its end. What it
// tells the parent counts the parent's own memory in.
const statusEnv = "KEEPSAKE_TEST_STATUS"
