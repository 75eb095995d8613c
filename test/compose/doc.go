//go:build compose

// Package compose tests the production stack in containers: it builds both images, brings docker-compose.prod.yml up,
// goes through the edge as users do, looks at what the containers may do and how much they take, backs the database up and
// restores it, and takes everything down. It needs a container engine with compose; without one it is skipped and says so.
//
//	make test-compose
package compose
