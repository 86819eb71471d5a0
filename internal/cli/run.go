// Package cli is the command line: one file per command, the flags, what is
// printed, and the one place where errors become exit codes. The engines that
// it wires together see neither cobra nor standard output.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
)

// Process is what a command sees of the process that it runs in.
type Process struct {
	// Program is how this one was called, "keepsake" when empty.
	Program   string
	Args      []string
	Dir       string
	LookupEnv func(string) (string, bool)
	Now       func() time.Time
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	// Host says on which machine this is, nil asks the system: a test says it.
	Host func() keeper.Host
	// FS is what bundles are written to, nil for the real one: a test makes its
	// steps fail.
	FS bundle.FS
}

// helpWidth is the columns that help fits: those of the narrowest terminal that
// is common.
const helpWidth = 80

// app is one run of a command.
type app struct {
	Process
	flags globalFlags
	log   *slog.Logger
}

type globalFlags struct {
	dataDir    string
	backupRoot string
	config     string
	asJSON     bool
	quiet      bool
	logLevel   string
	noColor    bool
	progress   string
	lockWait   time.Duration
	// settings are flags of one command that the configuration takes.
	settings map[string]string
	// skipUnreadable lets "latest" go on past a bundle that can't be read.
	skipUnreadable bool
}

// Run carries out the command that p.Args names and returns its exit code.
func Run(ctx context.Context, p Process) (code int) {
	a := &app{Process: p, log: slog.New(slog.DiscardHandler)}
	a.flags.settings = map[string]string{}
	defer func() {
		if bug := recover(); bug != nil {
			code = a.report(ctx, fail(groundBug, "bug", fmt.Errorf("bug in keepsake: %v", bug)))
			a.log.Debug("panic", "stack", string(debug.Stack()))
		}
	}()
	root := a.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	return a.report(ctx, root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "keepsake",
		Short: "Back up and restore the memory of AI agents",
		Long: `keepsake backs up what an AI agent remembers - vector collections, the
knowledge graph and JSONL files - into one verified bundle, and puts it back.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	f := root.PersistentFlags()
	f.StringVar(&a.flags.dataDir, "data-dir", "", "the memory's data folder (default: the nearest upward from here, or what keepsake.yaml there says)")
	f.StringVar(&a.flags.backupRoot, "backup-root", "", "where the bundles lie (default: backups in the data folder)")
	f.StringVar(&a.flags.config, "config", "", "configuration `file` (default: keepsake.yaml beside the data folder, else the nearest upward)")
	f.BoolVar(&a.flags.asJSON, "json", false, "print one JSON document on standard output")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print errors only")
	f.StringVar(&a.flags.logLevel, "log-level", "", "log to standard error from this `level` up: debug, info, warn, error")
	f.BoolVar(&a.flags.noColor, "no-color", false, "print without colours (keepsake uses none so far)")
	f.StringVar(&a.flags.progress, "progress", "auto", "how to show progress: auto, plain, none")
	f.DurationVar(&a.flags.lockWait, "lock-wait", 0, "wait so long for another run to end (10m), instead of not at all")
	root.AddGroup(
		&cobra.Group{ID: "main", Title: "Commands:"},
		&cobra.Group{ID: "look", Title: "Looking inside:"},
	)
	root.AddCommand(a.commands()...)
	root.SetHelpCommandGroupID("look")
	root.SetCompletionCommandGroupID("look")
	root.InitDefaultHelpCmd()
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth)))
	return usageErrors(root)
}

// usageErrors makes every complaint about arguments an error of exit code 2.
func usageErrors(cmd *cobra.Command) *cobra.Command {
	for _, sub := range append(cmd.Commands(), cmd) {
		check := sub.Args
		if check == nil {
			check = cobra.ArbitraryArgs
		}
		sub.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage(err)
			}
			return nil
		}
	}
	return cmd
}

func (a *app) prepare() error {
	switch a.flags.progress {
	case "auto", "plain", "none":
	default:
		return usage(fmt.Errorf("--progress %q is none of auto, plain, none", a.flags.progress))
	}
	if a.flags.logLevel == "" {
		return nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.flags.logLevel)); err != nil {
		return usage(fmt.Errorf("--log-level %q is none of debug, info, warn, error", a.flags.logLevel))
	}
	opts := &slog.HandlerOptions{Level: level}
	if a.flags.asJSON {
		a.log = slog.New(slog.NewJSONHandler(a.Stderr, opts))
	} else {
		a.log = slog.New(slog.NewTextHandler(a.Stderr, opts))
	}
	return nil
}

// report prints an error and its hint and returns the exit code.
func (a *app) report(ctx context.Context, err error) int {
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		err = fail(keeper.Usage, "unknown-command", err)
	}
	code := exitCode(ctx, err)
	var silent *ended
	if err == nil || errors.As(err, &silent) {
		return code
	}
	message, hint := messageOf(err), hintOf(err)
	if a.flags.asJSON {
		a.printErrorJSON(code, message, hint)
		return code
	}
	fmt.Fprintf(a.Stderr, "keepsake: %s\n", message)
	if hint != "" {
		fmt.Fprintf(a.Stderr, "  %s\n", hint)
	}
	return code
}

func (a *app) printErrorJSON(code int, message, hint string) {
	line := struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
		} `json:"error"`
	}{}
	line.Error.Code, line.Error.Message, line.Error.Hint = code, message, hint
	// Standard error is the last place to complain to.
	_ = json.NewEncoder(a.Stderr).Encode(line)
}

// printJSON writes the one document that --json promises.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

func (a *app) say(format string, args ...any) {
	if a.flags.quiet || a.flags.asJSON {
		return
	}
	fmt.Fprintf(a.Stdout, format, args...)
}

// terminal reports whether a stream of the process is one.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
