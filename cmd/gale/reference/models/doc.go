// Package models holds what relay is about: users, API keys, channels and
// packets, with the rules each must keep. It knows nothing of HTTP or storage.
package models
