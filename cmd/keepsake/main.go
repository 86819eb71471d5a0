// Command keepsake backs up and restores the memory of AI agents.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"keepsake/internal/cli"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first := cli.InterruptedError{Signal: <-signals}
		cancel(first)
		<-signals // a second one ends at once
		os.Exit(first.ExitCode())
	}()
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	os.Exit(cli.Run(ctx, cli.Process{
		Program: program(os.Args[0]), Args: os.Args[1:], Dir: dir, LookupEnv: os.LookupEnv, Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}

// program is how a person called this program, for what is printed to be typed.
func program(path string) string {
	if strings.Contains(path, "go-build") {
		return "go run ./cmd/keepsake"
	}
	return "keepsake"
}
