package guard

// The variables that allow destroying production. The second is Neo's later name.
const (
	EnvAllow          = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE"
	EnvAllowSubstrate = "NEO_ALLOW_PRODUCTION_DESTRUCTIVE_AI_SUBSTRATE"
)

// Environment is the first factor, as it was read once. Only ReadEnvironment
// makes one that allows anything, so that no caller can set it to true.
type Environment struct {
	variable string
}

// ReadEnvironment asks lookup (os.LookupEnv in the command line) for the two
// variables and no other. Only the exact value "true" counts.
func ReadEnvironment(lookup func(name string) (string, bool)) Environment {
	if lookup == nil {
		return Environment{}
	}
	for _, name := range []string{EnvAllow, EnvAllowSubstrate} {
		if value, set := lookup(name); set && value == "true" {
			return Environment{variable: name}
		}
	}
	return Environment{}
}

// Allows reports whether the environment allows destroying production.
func (e Environment) Allows() bool { return e.variable != "" }
