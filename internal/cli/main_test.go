package cli_test

import (
	"os"
	"testing"

	"keepsake/internal/store/chroma/chromatest"
)

func TestMain(m *testing.M) { os.Exit(chromatest.Main(m)) }
