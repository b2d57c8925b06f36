// Package admin is the pages of those who manage relay: users and invitations,
// roles, the audit log, and the apps that may ask users for access. Who may use
// them the routes decide, and the services once more.
package admin
