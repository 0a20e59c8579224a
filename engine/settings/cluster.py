"""``[cluster]``: several engines that stand in for each other; see docs/cluster.md."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator, model_validator

from engine.settings.groups import Folder, Group, Names

MIN_KEY_BYTES = 32


class ClusterSettings(Group):
    """``[cluster]``"""

    servers: Names = Field(
        default=[], description="NATS servers (comma separated), e.g. tls://nats1:4222; unset: one machine, no cluster."
    )
    user: str | None = Field(default=None, description="User name at the NATS servers.")
    password: SecretStr | None = Field(default=None, description="And the password.")
    ca_file: Folder | None = Field(default=None, description="Certificates that NATS servers are checked against, PEM.")
    key: SecretStr | None = Field(
        default=None,
        description="Encrypts what is stored of sessions (AES-256-GCM), the same everywhere; 32 bytes or more.",
    )
    node: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this engine in the cluster; unset: host name and port.",
    )
    node_url: str | None = Field(
        default=None, description="URL at which doors and engines reach this engine; unset: public_url, or loopback."
    )

    @field_validator("key")
    @classmethod
    def _long_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < MIN_KEY_BYTES:
            raise ValueError(f"at least {MIN_KEY_BYTES} bytes are needed")
        return value

    @model_validator(mode="after")
    def _encrypted(self) -> ClusterSettings:
        if self.servers and self.key is None:
            raise ValueError("cluster.servers is set: set cluster.key too, which encrypts what is stored of sessions")
        return self
