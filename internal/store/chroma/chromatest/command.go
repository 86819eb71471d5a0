package chromatest

import (
	"os"
	"path/filepath"
	"testing"
)

// The npm versions that scripts/chroma.sh sets up as "current" and "old".
const (
	currentVersion = "3.5.0"
	oldVersion     = "3.0.9"
)

// command finds the server's command: $KEEPSAKE_TEST_CHROMA for the current
// one, else where scripts/chroma.sh puts it. Without it the test ends here.
func command(t testing.TB, old bool) string {
	t.Helper()
	path, how := cached(currentVersion), "scripts/chroma.sh"
	if named := os.Getenv("KEEPSAKE_TEST_CHROMA"); named != "" {
		path = named
	}
	if old {
		path, how = cached(oldVersion), "scripts/chroma.sh old"
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return path
	}
	const text = "no Chroma at %s: run %s"
	if os.Getenv("KEEPSAKE_REQUIRE_CHROMA") == "1" {
		t.Fatalf(text, path, how)
	}
	t.Skipf(text, path, how)
	return ""
}

// cached is where the script leaves a version. It asks for $HOME/.cache on every
// platform, unlike os.UserCacheDir.
func cached(version string) string {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home, _ := os.UserHomeDir()
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "keepsake", "chroma", version, "chroma")
}
