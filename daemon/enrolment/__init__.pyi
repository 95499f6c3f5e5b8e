from .newcomers import Newcomers as Newcomers
