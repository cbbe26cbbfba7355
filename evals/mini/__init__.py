"""Training and evaluation of `mini`, the embedded vision-language model."""
