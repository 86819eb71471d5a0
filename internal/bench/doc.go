// Package bench measures keepsake against a real Chroma and against the plain
// way of doing the same, and prints a table of ratios within one run. All of it
// stands behind the build tag bench:
//
//	go test -tags bench -count=1 -run TestBench -v -timeout 80m ./internal/bench
//
// No figure fails the run: machines differ and are shared. A wrong result does.
//
// KEEPSAKE_BENCH_ROWS, KEEPSAKE_BENCH_DIM and KEEPSAKE_BENCH_GRAPH set the sizes
// (50000, 1024, 300000); KEEPSAKE_BENCH_ONLY names the parts to run, by commas:
// fill, read, backup, plain-backup, verify, merge, again, plain-import, wide, graph,
// shelf.
package bench
