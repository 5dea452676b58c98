"""What ships with Lennonnet beside its code: icons, the starter subject and its card."""
