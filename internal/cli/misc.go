package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the release, set by the linker.
var Version = "dev"

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.backupCommand(), a.restoreCommand(), a.undoCommand(), a.verifyCommand(), a.doctorCommand(), a.listCommand(),
		a.pruneCommand(), a.pinCommand(), a.unpinCommand(), a.memoryCommand(), a.unlockCommand(), a.demoCommand(),
		a.showCommand(), a.rescueCommand(), a.configCommand(), a.versionCommand(),
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{
				"version": Version, "commit": commit(), "go": runtime.Version(),
				"platform": runtime.GOOS + "/" + runtime.GOARCH,
			}
			if a.flags.asJSON {
				return a.printJSON(v)
			}
			a.say("keepsake %s (%s, %s, %s)\n", v["version"], v["commit"], v["go"], v["platform"])
			return nil
		},
	}
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown commit"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown commit"
}
