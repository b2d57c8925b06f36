// Package obs lets the operator see: logs, metrics, health and profiles.
package obs
