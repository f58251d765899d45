// Package config reads the operator's TOML file into values, and says of every fault
// the line, the key and what to do. All faults of a file are found in one pass; a key
// that nobody knows is one. Secrets are read from the files that the configuration
// names, and never stand in an error.
package config
